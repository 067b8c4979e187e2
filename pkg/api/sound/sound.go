// Package sound serves what is heard: the audio of media documents, prompts
// and greetings, as an attachment of the document, and the messages of
// voicemail boxes, of which there are none here.
package sound

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/save"
)

// API serves the sound of documents.
type API struct {
	Resources *resource.Service
	Formats   []string // those of [Formats] that may be uploaded; nil = all
}

// format is a kind of audio: its canonical media type, its other names, and
// what its bytes begin with.
type format struct {
	name, media string
	others      []string
	starts      func([]byte) bool
}

func formats() []format {
	begins := func(text string) func([]byte) bool {
		return func(data []byte) bool { return bytes.HasPrefix(data, []byte(text)) }
	}
	mp3 := func(data []byte) bool {
		return begins("ID3")(data) || len(data) > 1 && data[0] == 0xff && data[1]&0xe0 == 0xe0
	}
	return []format{
		{"mp3", "audio/mp3", []string{"audio/mpeg", "audio/mpeg3", "audio/x-mp3", "audio/x-mpeg"}, mp3},
		{"wav", "audio/wav", []string{"audio/x-wav", "audio/wave", "audio/vnd.wave"}, begins("RIFF")},
		{"ogg", "audio/ogg", []string{"application/ogg"}, begins("OggS")},
	}
}

// Formats are the kinds of audio that can be uploaded at all.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// stored are the media types that the schema of media has; another name of a
// format is stored as its canonical one.
func stored(f format, media string) string {
	if slices.Contains([]string{"audio/mpeg", "audio/mpeg3", "audio/x-wav"}, media) {
		return media
	}
	return f.media
}

// Rows are the sound's part of the API's table of routes.
func (a *API) Rows() []web.Row {
	const raw = "/accounts/{account_id}/media/{document_id}/raw"
	var media []string
	for _, f := range formats() {
		media = append(append(media, f.media), f.others...)
	}
	empty := func(path, summary string) web.Row {
		return web.Row{
			Method: http.MethodGet, Path: "/accounts/{account_id}/vmboxes" + path, Handle: a.messages, Access: web.OfAccount, Summary: summary, Data: "Items",
		}
	}
	return []web.Row{
		{
			Method: http.MethodGet, Path: raw, Handle: a.get, Access: web.OfAccount, Traits: web.Endless | web.Ranged, Summary: "Hear a media file", Media: media,
		},
		{
			Method: http.MethodPost, Path: raw, Handle: a.post, Access: web.OfAccount, Traits: web.Uploads,
			Summary: "Upload a media file: the audio itself, a form with one file, or a data: URL", Data: "Document",
		},
		empty("/messages", "Voicemail messages: none"),
		empty("/{document_id}/messages", "Voicemail messages of a box: none"),
	}
}

// kind finds one of the collections.
func kind(name string) resource.Kind {
	all := resource.Kinds()
	return all[slices.IndexFunc(all, func(k resource.Kind) bool { return k.Name == name })]
}

// post serves POST …/media/{ID}/raw.
func (a *API) post(c *web.Call) (*web.Answer, error) {
	if c.Upload == nil {
		return nil, problem.Validation([]problem.Violation{{Path: "file", Code: "required", Message: "please provide a media file"}})
	}
	f, err := a.formatOf(c.Upload)
	if err != nil {
		return nil, err
	}
	file := resource.File{Name: fileName(c.Upload.FileName, f.name), Type: stored(f, c.Upload.ContentType), Data: c.Upload.Data}
	fields := document.Doc{
		"content_type": file.Type, "content_length": json.Number(strconv.Itoa(len(file.Data))), "media_source": "upload",
	}
	w := resource.Write{Kind: kind("media"), Write: save.Write{
		AccountID: c.Account(), ID: c.Var("document_id"), Check: c.Check,
		Actor: save.Actor{
			AccountID: c.Identity.AccountID, UserID: c.Identity.UserID, RequestID: c.RequestID, ClientIP: c.Client.String(), Plain: c.Identity.Plain,
		},
	}}
	saved, err := a.Resources.Attach(c.Context(), w, file, fields)
	if err != nil {
		return nil, err
	}
	out := &web.Answer{Data: saved.Doc.Public(), Revision: saved.Doc.Rev()}
	return out.Warn(saved.Warnings), nil
}

// formatOf is the format of an upload, by its type, or by its first bytes where
// the type says nothing. One that may not be uploaded is refused.
func (a *API) formatOf(up *web.Upload) (format, error) {
	for _, f := range formats() {
		named := up.ContentType == f.media || slices.Contains(f.others, up.ContentType)
		if !named && (up.ContentType == "" || up.ContentType == "application/octet-stream") {
			named = f.starts(up.Data)
		}
		if named && (a.Formats == nil || slices.Contains(a.Formats, f.name)) {
			return f, nil
		}
	}
	allowed := a.Formats
	if allowed == nil {
		allowed = Formats()
	}
	return format{}, problem.Validation([]problem.Violation{{
		Path: "content_type", Code: "enum", Message: "the file must be one of " + strings.Join(allowed, ", "),
		Members: map[string]any{"target": allowed, "value": web.Clip(up.ContentType)},
	}})
}

// maxFileName bounds the name of an attachment.
const maxFileName = 64

// fileName is the name of an attachment: the client's as far as it is harmless,
// or one of our own.
func fileName(given, extension string) string {
	given = given[strings.LastIndexAny(given, `/\`)+1:]
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, given)
	name = strings.TrimLeft(name, "_.")
	if name == "" {
		return save.NewID() + "." + extension
	}
	return name[max(0, len(name)-maxFileName):]
}

// get serves GET …/media/{ID}/raw: whole, or the ranges that are asked for. It
// is for hearing, not for a browser to show.
func (a *API) get(c *web.Call) (*web.Answer, error) {
	found, err := a.Resources.Attached(c.Context(), kind("media"), c.Account(), c.Var("document_id"))
	if err != nil {
		return nil, err
	}
	ctx := c.Context()
	return &web.Answer{ETag: strings.TrimPrefix(found.Digest, "md5-"), Raw: &web.RawBody{
		ContentType: found.Type,
		Header:      map[string]string{"Content-Disposition": mime.FormatMediaType("attachment", map[string]string{"filename": found.Name})},
		File: &web.File{Length: found.Length, Open: func(offset int64) (io.ReadCloser, error) {
			return found.Open(ctx, offset)
		}},
	}}, nil
}

// messages serves the messages of voicemail boxes.
func (a *API) messages(c *web.Call) (*web.Answer, error) {
	if id := c.Var("document_id"); id != "" {
		if _, err := a.Resources.Get(c.Context(), kind("vmboxes"), c.Account(), id); err != nil {
			return nil, err
		}
	}
	return web.Page([]any{}, "", ""), nil
}

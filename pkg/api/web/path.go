package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/problem"
)

// splitPath takes an escaped path apart: the version, and what follows it,
// without trailing slashes. A path of another form gives false.
func splitPath(escaped string) (version, rest string, ok bool) {
	escaped = strings.TrimRight(unreserved(escaped), "/")
	trimmed, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return "", "", false
	}
	version, _, deeper := strings.Cut(trimmed, "/")
	switch {
	case version != "v1" && version != "v2":
		return "", "", false
	case !deeper:
		return version, "/", true
	}
	return version, trimmed[len(version):], true
}

// unreserved decodes escapes that need not be: of letters, digits and -._~
// (RFC 3986, section 6.2.2.2).
func unreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for {
		before, after, escaped := strings.Cut(path, "%")
		b.WriteString(before)
		if !escaped {
			return b.String()
		}
		path = after
		if len(after) >= 2 {
			code, err := strconv.ParseUint(after[:2], 16, 8)
			if err == nil && strings.IndexByte(unreservedCharacters, byte(code)) >= 0 {
				b.WriteByte(byte(code))
				path = after[2:]
				continue
			}
		}
		b.WriteByte('%')
	}
}

const unreservedCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// pathAsSent is what follows the version in an escaped path, with all its
// escapes.
func pathAsSent(escaped string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(escaped, "/"), "/")
	path, _ := aliasOwn("/" + strings.TrimRight(rest, "/"))
	return path
}

// parseQuery reads a query string. Unlike net/url it keeps a parameter that
// holds a semicolon, or a percent sign that escapes nothing: without its
// filter a list would show too much.
func parseQuery(raw string) url.Values {
	out := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		out.Add(queryText(key), queryText(value))
	}
	return out
}

// queryText decodes a part of a query string, or takes it as it stands.
func queryText(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

// ownAlias is how /account/… is routed: as the path of an account whose id
// is known only when the token has been read (contract 1.1).
const ownAlias = "/accounts/~"

// aliasOwn rewrites the path of the token's own account.
func aliasOwn(path string) (string, bool) {
	if path == "/account" {
		return ownAlias, true
	}
	if rest, ok := strings.CutPrefix(path, "/account/"); ok {
		return ownAlias + "/" + rest, true
	}
	return path, false
}

// unescape decodes each path variable once.
func (c *Call) unescape(escaped map[string]string) error {
	for name, v := range escaped {
		plain, err := url.PathUnescape(v)
		if err != nil {
			return &problem.Error{Code: problem.NotFound, Msg: "path escape", Err: err}
		}
		c.vars.set(name, plain)
	}
	return nil
}

// CheckAccountID checks the id in the path before anybody is authenticated: it
// must have 32 characters (contract 1.1, 9.16).
func CheckAccountID(id string) error {
	if utf8.RuneCountInString(id) == 32 {
		return nil
	}
	return &problem.Error{
		Code: problem.MalformedIdentifier, Msg: "account id",
		Data: map[string]any{"message": "invalid account_id '" + Clip(id) + "'"},
	}
}

// Clip shortens what a client sent, for answers and logs.
func Clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// The schemes whose value is a token.
const (
	schemeToken  = "token"
	schemeBearer = "bearer"
)

// Credentials finds the caller's proof, first hit wins (contract 1.3). An
// empty header counts as none (contract 10.12). A page takes the cookie alone.
func (c *Call) Credentials() auth.Credentials {
	if c.route != nil && c.route.Traits.has(Beside) {
		return c.cookie()
	}
	var out auth.Credentials
	if token := c.Request.Header.Get("X-Auth-Token"); token != "" {
		out.Scheme, out.Value = schemeToken, token
	} else if token := c.Value("auth_token"); token != "" {
		out.Scheme, out.Value = schemeToken, token
	} else if header := c.Request.Header.Get("Authorization"); header != "" {
		out.Scheme, out.Value = parseAuthorization(header)
	} else if value := c.Value("authorization"); value != "" {
		out.Scheme, out.Value = parseAuthorization(value)
	}
	out.Account = c.Request.Header.Get("X-Auth-Account-ID")
	return out
}

// parseAuthorization splits an Authorization header; a scheme that is not
// Basic or Bearer is unknown, and so never valid.
func parseAuthorization(header string) (kind, proof string) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return "basic", value
	case strings.EqualFold(scheme, "Bearer"):
		return schemeBearer, value
	}
	return "unknown", value
}

// dropCredential removes a token from data, so that it is not stored.
func (c *Call) dropCredential() {
	if m, ok := c.Data.(map[string]any); ok {
		delete(m, "auth_token")
	}
}

// tunnel replaces POST by the verb the request names, as clients without the
// other methods do (contract 9.6).
func (c *Call) tunnel() {
	if c.Request.Method != http.MethodPost {
		return
	}
	verb := strings.ToUpper(strings.TrimSpace(c.Value("verb")))
	if verb == "" {
		return
	}
	c.method = verb
	if m, ok := c.Data.(map[string]any); ok {
		delete(m, "verb")
	}
}

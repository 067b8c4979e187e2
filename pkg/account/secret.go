package account

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
)

// SignatureSecret returns what the tokens of an account are tied to, its
// pvt_signature_secret. An account without any gets one, in its document and
// the copy; one that is there is never replaced.
func (s *Service) SignatureSecret(ctx context.Context, id string) (string, error) {
	s.init()
	doc, err := s.definition(ctx, id)
	if err != nil || doc.String(secretKey) != "" {
		return doc.String(secretKey), err
	}
	doc, err = s.amend(ctx, Write{ID: id}, func(doc document.Doc) (bool, error) {
		if doc.String(secretKey) != "" {
			return false, nil
		}
		doc[secretKey] = randomHex(16)
		return true, nil
	})
	return doc.String(secretKey), err
}

const secretKey = "pvt_signature_secret"

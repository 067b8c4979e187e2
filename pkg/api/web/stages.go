package web

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// stages brings a call to where its handler may run. Their order is what a
// client without a token can learn: the faults of its own body and path, and
// nothing about accounts (contract 9.16).
func (s *Server) stages(w http.ResponseWriter, c *Call) error {
	var ok bool
	if c.Version, c.path, ok = splitPath(c.Request.URL.EscapedPath()); !ok {
		return &problem.Error{Code: problem.NotFound, Msg: "no such API version"}
	}
	if s.in(Starting) {
		return s.admit(w, c, nil)
	}
	c.path, c.own = aliasOwn(c.path)
	res, err := s.match(c)
	if err := s.readEnvelope(w, c, res); err != nil {
		return err
	}
	c.tunnel()
	if strings.HasPrefix(c.path, "/accounts//") {
		return &problem.Error{Code: problem.MalformedIdentifier, Data: map[string]any{"message": "missing account_id"}}
	}
	row := res.row(c.method)
	if err := s.fileBody(w, c, row); err != nil {
		return err
	}
	if err != nil {
		if err := s.admit(w, c, nil); err != nil {
			return err
		}
		return s.unknownPath(c, err)
	}
	c.cors = &res.cors
	if c.scripted {
		c.cors.set(w.Header())
	}
	if c.route = row; row == nil {
		w.Header().Set("Allow", res.allow)
		return &problem.Error{Code: problem.MethodNotAllowed}
	}
	if err := s.admit(w, c, c.route); err != nil {
		return err
	}
	err = s.permit(c)
	if err == nil {
		err = s.formats(c)
	}
	if err != nil {
		if c.route.Traits.has(Streams) {
			s.drain(w, c)
		}
		return err
	}
	if c.route.Traits.has(Streams) {
		return s.openBody(w, c)
	}
	return s.readUpload(w, c)
}

// permit judges a call by its account's id, its rate, its token and what that
// may do: the same for the API and for pages.
func (s *Server) permit(c *Call) error {
	if id, named := c.vars.get("account_id"); named && !c.own {
		if err := CheckAccountID(id); err != nil {
			return err
		}
	}
	if err := s.takeTokens(c); err != nil {
		return err
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	return s.changes(c)
}

// changes refuses what may change something where nothing may be changed.
func (s *Server) changes(c *Call) error {
	if s.cfg.ReadOnly == "" || c.reads() || c.route.Traits&(Login|Reads) != 0 {
		return nil
	}
	return &problem.Error{Code: problem.ReadOnly, Msg: c.method, Data: map[string]any{"message": s.cfg.ReadOnly}}
}

// unknownPath is a 404 with a valid token, and a 401 without
// (contract 1.1).
func (s *Server) unknownPath(c *Call, notFound error) error {
	if err := s.takeTokens(c); err != nil {
		return err
	}
	if err := s.Identify(c); err != nil {
		return err
	}
	return notFound
}

// Identify finds out who calls.
func (s *Server) Identify(c *Call) error {
	proof := c.Credentials().Hashed()
	if err := s.takeGuess(c, proof); err != nil {
		return err
	}
	id, err := s.cfg.Auth.Authenticate(c.Context(), proof)
	if err != nil {
		return err
	}
	c.Identity = id
	if proof.Scheme == schemeToken || proof.Scheme == schemeBearer {
		c.Token = proof.Value
	}
	c.dropCredential()
	return nil
}

// authenticate finds out who calls and whether they may use the route. An
// account that Kazoo made gets the views it lacks; not for a lookup, which must
// not need the database.
func (s *Server) authenticate(c *Call) error {
	if c.route.Access == Anyone {
		return nil
	}
	if err := s.Identify(c); err != nil {
		return err
	}
	if c.own {
		c.vars.set("account_id", c.Identity.AccountID)
	}
	if c.route.Access != OfAccount {
		return nil
	}
	if err := s.Authorise(c, c.Account()); err != nil || c.route.Traits.has(Lookups) {
		return err
	}
	return s.cfg.Prepare(c.Context(), c.Account())
}

// Authorise decides whether a caller may touch an account.
func (s *Server) Authorise(c *Call, id string) error {
	if !couch.IsAccountID(id) {
		return &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"cause": id}}
	}
	return s.cfg.Auth.Authorize(c.Context(), c.Identity, id)
}

// formats checks what comes, what is to go back, and the flags.
func (s *Server) formats(c *Call) error {
	if err := c.acceptable(); err != nil {
		return err
	}
	if c.media == mediaOther && !c.unread && !c.route.Traits.has(Uploads|Streams) && !c.reads() && c.method != http.MethodDelete {
		return &problem.Error{Code: problem.UnsupportedMedia}
	}
	return s.readFlags(c)
}

// newCall reads the parts of a request that cannot be wrong.
func (s *Server) newCall(r *http.Request) *Call {
	c := &Call{
		Request: r, started: s.cfg.Now(), method: r.Method,
		RequestID: requestID(r.Header.Get("X-Request-Id")), Client: s.clientAddr(r),
		scripted: scripted(r.Header), cors: &s.cors,
	}
	c.traced.Context = r.Context()
	if s.cfg.Tracer != nil {
		c.traced.Context = s.cfg.Tracer.Start(r.Context(), r.Header)
	}
	c.ctx = &c.traced
	if r.URL.RawQuery != "" {
		c.Query = parseQuery(r.URL.RawQuery)
	}
	if c.method == http.MethodHead {
		c.method = http.MethodGet
	}
	c.bucket = bucketState{Consumed: 0, Remaining: s.cfg.Limits.Rate.Burst}
	return c
}

// requestID takes the client's id where it is harmless in headers and logs,
// and makes one of 32 hex digits otherwise.
func requestID(asked string) string {
	if asked != "" && len(asked) <= 128 && strings.Trim(asked, idCharacters) == "" {
		return asked
	}
	var id [16]byte // tells requests apart and is no secret
	binary.LittleEndian.PutUint64(id[:], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

const idCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=@"

// parseHop reads an address of X-Forwarded-For, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	if hop, err := netip.ParseAddr(text); err == nil {
		return hop.Unmap(), true
	}
	hop, err := netip.ParseAddrPort(text)
	return hop.Addr().Unmap(), err == nil
}

// peerOf is the address that a connection comes from.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr()
	if err != nil { // no port
		addr, _ = netip.ParseAddr(r.RemoteAddr)
	}
	return addr.Unmap()
}

// clientAddr is the peer's address, or what a trusted proxy says in front of
// it: the last address of X-Forwarded-For that is no proxy itself. Where that
// cannot be read, it is whoever passed it on.
func (s *Server) clientAddr(r *http.Request) netip.Addr {
	addr := peerOf(r)
	if !s.trusted(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		addr = hop
		if !s.trusted(addr) {
			break
		}
	}
	return addr
}

package api

import "github.com/callflowd/callflowd/pkg/api/web"

// Words lists what no document may be called: the words of the API's own paths
// that stand where ids do (contract 9.18).
func Words() []string { return web.Words(new(Server).routes()) }

package auth

// IdentitySig is for tests of the worked example.
var IdentitySig = identitySig

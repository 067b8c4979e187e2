// Package notice tells the nodes of a Kazoo cluster that documents have
// changed, and hears it from them. Kazoo keeps callflows in its caches for
// weeks; a notice on the exchange "configuration" makes it drop them.
//
// # Out
//
// The changes feeds of the databases are the outbox. A write is in the feed as
// soon as it is durable, so that no crash comes between the two, and saving
// costs nothing more. How far a database's changes were announced stands in
// its document _local/callflowd-notices-…, one for each broker. A broker that
// is away makes announcing stop there, and go on there when it is back. What
// was announced just before a crash may be announced again; nothing is left
// out.
//
// Only writes of callflowd are announced, as Kazoo announces its own. They are
// known by the private field of [document.Ours]. Each process remembers its own
// latest writes besides, and so announces each of them at once, with what it
// was; a feed alone knows only a document's latest revision. A write that a
// process does not remember is another's, or was made before a restart: it is
// announced if nobody else has done so within two seconds.
//
// A broker that was away may have been away for Kazoo's nodes too, which then
// come back some seconds later and without the queues that they had. What is
// sent in the first seconds of a connection after another broke is sent once
// more at the end of them.
//
// Databases have no feed that outlives them: that one was made or dropped is
// remembered in memory only until it is announced. The account's own document
// is announced by the feed of the database of accounts.
//
// # In
//
// A notice is a hint to look at a database's changes now ([Listener]). Its
// content is never believed.
package notice

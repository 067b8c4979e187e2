// Package reserve lets one document of a database hold a key alone, also
// among writers in different processes (design section 3): a callflow its
// numbers and patterns, a user its username, an account its name and realm.
//
// A reservation is a document whose id is made from the key, so that only one
// writer can create it; it names its holder. A writer takes the reservation
// ([Store.Take]), writes its document, and reads the reservation again
// ([Store.Confirm]). Only if nobody has written it meanwhile, the write is
// acknowledged; else it is undone. One [Claim] goes through these states, and
// the writer may die in every one of them:
//
//	state         asks storage for         answer               next
//	reading       the reservation          absent, no others    taking
//	                                       its own, no others   held
//	                                       anything else        judging
//	judging       the documents that may   one holds the key    refused
//	              hold it: the holder,     none, its own        held
//	              the one before it, and   none, lease runs     refused
//	              those an index names     none                 taking
//	taking        a write over the         stored               judgingAgain, or held
//	              reservation as read                           if nobody held it before
//	                                       conflict             reading
//	judgingAgain  the same documents       one holds the key    returning
//	                                       none                 held
//	returning     a write that gives the   either               refused
//	              reservation back
//	held          the document's own write, then:               confirming
//	confirming    the reservation          its own, not         confirmed
//	                                       written since
//	                                       anything else        lost: undo the write
//
// Why that is safe. Suppose that two writers A and B both read "confirmed", and
// that A took the reservation first. Let C be the writer that took it next
// after A (B or another). C looked at A's document after taking it, and did not
// find the key there; so A wrote its document after that, and confirmed later
// still. But then A found a reservation that it had not written, and was not
// confirmed: a contradiction. Claims compare the revision and not the holder,
// so a reservation that was taken and given back in between is lost too.
//
// A reservation also names the document that held it before. If a writer dies
// between judgingAgain and returning, the next one still looks at that
// document. Reservations are never deleted, since they say which documents to
// look at. A key that was given up is free because its holder no longer has it.
//
// A lease keeps others away from a writer that has not finished. Safety does
// not depend on it: clocks may be wrong by any amount, and then a free key is
// refused for a while or a writer has to undo its write. A test walks all
// interleavings of some writers, with a crash and with either view of the lease
// at every step.
//
// What Kazoo writes carries no reservations and is found through a view or an
// index ([Claim.Others]).
//
// Errors are of type *[problem.Error].
package reserve

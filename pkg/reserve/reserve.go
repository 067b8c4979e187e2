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
// Why that is safe. Suppose that two writers read "confirmed". One of them
// took the reservation later. Whoever took it next after the earlier one
// looked at the earlier one's document after that and did not find the key
// there; so the earlier one wrote its document later still, and read its
// reservation after that: it was not as it had left it. What is compared is
// the revision, not the holder: a reservation that was taken and given back in
// between does not pass.
//
// A reservation also names the document that held it before, so that a writer
// that dies between judgingAgain and returning hides nobody. It is never
// deleted: one that is gone says nothing about who may rely on it. A key that
// is given up is free because its holder does not have it.
//
// A lease keeps others away from a writer that is not done yet. It serves
// liveness alone: clocks may be wrong by any amount, and the worst is that a
// free key is refused for a while or that a writer has to undo its write. A
// test walks all interleavings of some writers, with a crash and with either
// opinion about the lease at every step.
//
// What Kazoo writes carries no reservations and is found through a view or an
// index ([Claim.Others]).
//
// Errors are of type *[problem.Error].
package reserve

function (doc) {
  if (doc.pvt_type !== 'conference' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    owner_id: doc.owner_id,
    conference_numbers: doc.conference_numbers,
    member: doc.member,
    moderator: doc.moderator,
    flags: doc.flags || []
  });
}

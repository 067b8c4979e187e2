function (doc) {
  if (doc.pvt_type !== 'vmbox' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    mailbox: doc.mailbox,
    owner_id: doc.owner_id,
    flags: doc.flags || []
  });
}

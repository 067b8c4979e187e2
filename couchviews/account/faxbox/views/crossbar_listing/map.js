function (doc) {
  if (doc.pvt_type !== 'faxbox' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    caller_name: doc.caller_name,
    caller_id: doc.caller_id,
    owner_id: doc.owner_id,
    flags: doc.flags || []
  });
}

function (doc) {
  if (doc.pvt_type !== 'group' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    endpoints: doc.endpoints ? Object.keys(doc.endpoints).length : 0,
    flags: doc.flags || []
  });
}

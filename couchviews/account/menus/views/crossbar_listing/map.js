function (doc) {
  if (doc.pvt_type !== 'menu' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    flags: doc.flags || []
  });
}

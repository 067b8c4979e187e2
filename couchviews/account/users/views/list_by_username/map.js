function (doc) {
  if (doc.pvt_type !== 'user' || doc.pvt_deleted || typeof doc.username !== 'string') {
    return;
  }
  emit(doc.username.toLowerCase(), {id: doc._id, username: doc.username});
}

function (doc) {
  if (doc.pvt_type !== 'user' || doc.pvt_deleted || typeof doc.email !== 'string') {
    return;
  }
  emit(doc.email.toLowerCase(), {id: doc._id, email: doc.email});
}

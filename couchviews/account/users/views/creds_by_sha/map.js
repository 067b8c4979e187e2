function (doc) {
  if (doc.pvt_type !== 'user' || doc.pvt_deleted || !doc.pvt_sha1_auth) {
    return;
  }
  emit(doc.pvt_sha1_auth, {id: doc._id, account_id: doc.pvt_account_id, enabled: doc.enabled !== false});
}

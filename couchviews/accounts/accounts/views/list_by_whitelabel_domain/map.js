function (doc) {
  if (doc.pvt_type !== 'whitelabel' || doc.pvt_deleted || typeof doc.domain !== 'string') {
    return;
  }
  emit(doc.domain.toLowerCase(), {account_id: doc.pvt_account_id});
}

function (doc) {
  if (doc.pvt_type !== 'account' || doc.pvt_deleted) {
    return;
  }
  if (doc.sso && doc.sso.provider) {
    emit([doc.sso.provider, doc.sso.id], {id: doc._id});
  }
}

function (doc) {
  if (doc.pvt_type === 'number' && doc.pvt_assigned_to && !doc.pvt_deleted) { emit([doc.pvt_assigned_to, doc.pvt_used_by], null); }
}

function (doc) {
  if (!doc.pvt_assigned_to && doc.pvt_state !== 'discovery' && doc.pvt_number_state !== 'discovery') { emit(doc._id, null); }
}

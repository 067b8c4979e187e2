function (doc) {
  if (doc.pvt_assigned_to) { emit([doc.pvt_assigned_to, doc._id], null); }
}

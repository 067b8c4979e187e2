function (doc) {
  if (doc.pvt_type !== 'number' || doc.pvt_deleted) { return; }
  var features = [];
  for (var name in doc.pvt_features || {}) { features.push(name); }
  emit(doc._id, {
    pvt_module_name: doc.pvt_module_name, state: doc.pvt_state, features: features,
    features_allowed: doc.pvt_features_allowed || [], features_denied: doc.pvt_features_denied || [],
    assigned_to: doc.pvt_assigned_to, used_by: doc.pvt_used_by, created: doc.pvt_created, updated: doc.pvt_modified,
    locality: doc.pvt_locality
  });
}

function (doc) {
  if (doc.pvt_type !== 'temporal_rule_set' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    temporal_rules: doc.temporal_rules,
    flags: doc.flags || []
  });
}

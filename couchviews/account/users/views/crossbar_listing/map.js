function (doc) {
  if (doc.pvt_type !== 'user' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    username: doc.username,
    email: doc.email,
    first_name: doc.first_name,
    last_name: doc.last_name,
    priv_level: doc.priv_level,
    presence_id: doc.presence_id,
    timezone: doc.timezone,
    enabled: doc.enabled !== false,
    flags: doc.flags || []
  });
}

function (doc) {
  if (doc.pvt_type !== 'device' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    mac_address: doc.mac_address,
    owner_id: doc.owner_id,
    device_type: doc.device_type,
    enabled: doc.enabled !== false,
    flags: doc.flags || []
  });
}

function (doc) {
  if (doc.pvt_type !== 'media' || doc.pvt_deleted) {
    return;
  }
  emit(doc._id, {
    id: doc._id,
    name: doc.name,
    description: doc.description,
    media_source: doc.media_source,
    language: doc.language,
    owner_id: doc.owner_id,
    is_prompt: doc.is_prompt === true
  });
}

function (doc) {
  if (!doc.pvt_type || doc.pvt_deleted) {
    return;
  }
  var plain = function (text) {
    return String(text).toLowerCase().replace(/[^a-z0-9]/g, '');
  };
  var name = doc.name;
  if (!name && (doc.first_name || doc.last_name)) {
    name = (doc.first_name || '') + ' ' + (doc.last_name || '');
  }
  name = name || doc._id;
  var value = {id: doc._id, name: name, numbers: doc.numbers};
  emit([doc.pvt_type, plain(name)], value);
}

function (doc) { emit([doc.pvt_state, doc.pvt_module_name, doc._id], null); }

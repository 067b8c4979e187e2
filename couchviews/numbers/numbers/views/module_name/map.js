function (doc) { emit(doc.pvt_module_name, 1); }

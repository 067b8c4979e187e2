function (doc) {
  if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) {
    return;
  }
  if (!doc.flow || !doc.flow.data || !Array.isArray(doc.numbers)) {
    return;
  }
  if (doc.flow.module !== 'user' && doc.flow.module !== 'device') {
    return;
  }
  for (var i = 0; i < doc.numbers.length; i++) {
    if (typeof doc.numbers[i] === 'string' && doc.numbers[i].charAt(0) === '+') {
      emit([doc.flow.module, doc.flow.data.id, doc.numbers[i]], {msisdn: doc.numbers[i]});
    }
  }
}

// The pages work without this. It shows changes as they happen, and selects a
// link when somebody wants to copy it, or copies it.
(() => {
  'use strict';

  for (const field of document.querySelectorAll('input[readonly]')) {
    field.addEventListener('focus', () => field.select());
    if (!navigator.clipboard) continue; // of pages over TLS and of this machine alone
    const copy = document.createElement('button');
    copy.type = 'button';
    copy.className = 'quiet';
    copy.textContent = field.dataset.copy;
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(field.value);
      copy.textContent = field.dataset.copied;
    });
    field.after(copy);
  }

  const feed = document.getElementById('feed');
  if (!feed || !window.EventSource) return;

  const most = 200; // rows that are kept
  const state = document.getElementById('live');
  const rows = feed.tBodies[0];
  const labels = feed.dataset.labels.split('|');
  const source = new EventSource(feed.dataset.stream);
  const short = (text) => (text.length > 13 ? text.slice(0, 12) + '…' : text);

  const cell = (kind, label, ...children) => {
    const made = document.createElement(kind);
    made.dataset.label = label;
    made.append(...children);
    return made;
  };
  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  source.addEventListener('open', () => { state.textContent = state.dataset.live; });
  source.addEventListener('error', () => {
    state.textContent = source.readyState === EventSource.CLOSED ? state.dataset.ended : state.dataset.lost;
  });
  source.addEventListener('change', (event) => {
    const change = JSON.parse(event.data);
    const row = document.createElement('tr');
    let name = document.createTextNode(change.name);
    if (change.type === 'callflow' && !change.deleted) {
      name = element('a', change.name);
      name.href = feed.dataset.flow + encodeURIComponent(change.id);
    }
    const first = cell('th', labels[0], name);
    first.scope = 'row';
    if (change.deleted) {
      const badge = element('span', feed.dataset.deleted);
      badge.className = 'badge info';
      first.append(' ', badge);
    }
    const revision = element('code', short(change.revision));
    revision.className = 'rev';
    row.append(first, cell('td', labels[1], change.type), cell('td', labels[2], revision), cell('td', labels[3], element('time', change.at)));
    rows.prepend(row);
    while (rows.rows.length > most) rows.deleteRow(-1);
    document.getElementById('quiet')?.remove();
  });
})();

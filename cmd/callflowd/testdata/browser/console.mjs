// Does with a page of our own what an operator does with a web console: signs
// in, reloads, reads a long list, uploads and hears a file, adds voicemail, picks
// a spare number, adds an account.
import fs from 'node:fs';
import http from 'node:http';
import { check, run, task, watch } from './harness.mjs';

// tone is half a second of sound, as a WAV file.
const tone = () => {
  const rate = 8000;
  const samples = rate / 2;
  const file = Buffer.alloc(44 + samples, 128);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + samples, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(1, 22); // one channel
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate, 28);
  file.writeUInt16LE(1, 32);
  file.writeUInt16LE(8, 34); // bits
  file.write('data', 36);
  file.writeUInt32LE(samples, 40);
  for (let i = 0; i < samples; i++) file[44 + i] = 128 + Math.round(100 * Math.sin(i / 3));
  return file;
};

// serve gives the page an origin of its own, as consoles have.
const serve = () => new Promise((ready) => {
  const page = fs.readFileSync(new URL('./console.html', import.meta.url));
  const server = http.createServer((request, response) => {
    if (new URL(request.url, 'http://x').pathname !== '/') return response.writeHead(204).end();
    return response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
  }).listen(0, '127.0.0.1', () => ready(server));
});

await run(async (browser) => {
  const server = await serve();
  const page = await browser.newPage();
  watch(page);
  const done = async (what) => {
    await page.waitForFunction(() => !['', 'busy'].includes(document.getElementById('state').textContent));
    const state = await page.textContent('#state');
    check(state === `${what} done`, what, state);
  };
  const texts = (selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent));
  const submit = async (form, fields = {}) => {
    for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
    await page.click(`#${form} button`);
    await done(form);
  };
  const whole = async (where) => {
    check((await page.textContent('#who')) === `Ines of ${task.account}`, where, `the user is ${await page.textContent('#who')}`);
    check((await texts('#apps li')).join() === 'SmartPBX /v2/,Callflows /v2/', where, `apps ${await texts('#apps li')}`);
    check((await texts('#flows li')).length === task.flows, where, `${(await texts('#flows li')).length} callflows`);
    check((await page.textContent('#transcribe')) === 'not transcribed', where, 'the voicemail form does not know of transcription');
    check((await texts('#spare option')).join() === '(415) 886 - 7900,(415) 886 - 7901', where, `spare numbers ${await texts('#spare option')}`);
  };

  await page.goto(`http://127.0.0.1:${server.address().port}/?api=${encodeURIComponent(`${task.base}/v2/`)}`);
  await submit('sign-in', { account: task.account, user: 'ines', password: 'secret-2' });
  await whole('login');
  await page.reload();
  await done('reload');
  await whole('reload');

  await page.setInputFiles('#file', { name: 'hello.wav', mimeType: 'audio/wav', buffer: tone() });
  await submit('upload');
  await page.click('#play');
  await done('play');
  const length = await page.$eval('#player', (player) => player.duration);
  check(Math.abs(length - 0.5) < 0.1, 'play', `the file lasts ${length} seconds`);

  await submit('voicemail', { mailbox: '2001' });
  check((await page.textContent('#messages')) === '0 messages in 2001', 'voicemail', await page.textContent('#messages'));

  await page.selectOption('#spare', '+14158867901');
  await submit('assign');
  check((await texts('#spare option')).join() === '(415) 886 - 7900', 'assign', `spare numbers ${await texts('#spare option')}`);

  await submit('tenant', { name: 'Branch office' });
  check((await texts('#tenants li')).some((one) => /^Branch office \w+\.pbx\.example$/.test(one)), 'tenant', `accounts ${await texts('#tenants li')}`);
  server.close();
});

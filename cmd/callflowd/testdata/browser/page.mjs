// Walks every page at /ui/ as each kind of caller, light and dark, narrow and
// wide; then does what people do there. The task names the server, the
// callers and the addresses.
import http from 'node:http';
import { accessible, check, complain, fits, run, shoot, task, watch } from './harness.mjs';

const at = (path) => task.base + path;

const signIn = async (page, who) => {
  await page.goto(at('/ui/sign-in'));
  if (who.key) {
    await page.fill('#api_key', who.key);
    await page.click('form:has(#api_key) button');
  } else {
    await page.fill('#user', who.user);
    await page.fill('#password', who.password);
    await page.fill('#account', who.account);
    await page.click('form:has(#password) button');
  }
  await page.waitForURL(/\/callflows$/);
};

// open goes to a page and checks what holds for every page.
const open = async (page, name, where) => {
  const path = task.pages[name];
  const expected = task.statuses[name] ?? 200;
  const response = await page.goto(at(path));
  check(response.status() === expected, where, `${path} answers ${response.status()}`);
  check(!(await page.evaluate(() => window.hacked)), where, 'a stored text has run');
  const weight = (await response.text()).replace(/<svg[\s\S]*?<\/svg>/g, '').length;
  check(weight <= 100_000, where, `weighs ${weight} bytes without pictures`);
};

const walk = async (browser, who) => {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    watch(page, (url) => Object.keys(task.statuses).some((name) => url === at(task.pages[name])) || url.endsWith('/favicon.ico'));
    await signIn(page, who);
    for (const name of Object.keys(task.pages)) {
      await page.setViewportSize({ width: 1440, height: 900 });
      await open(page, name, `${who.name} ${colorScheme} ${name}`);
      for (const width of [1440, 360]) {
        const where = `${who.name} ${colorScheme} ${width} ${name}`;
        await page.setViewportSize({ width, height: 900 });
        await fits(page, where);
        if (who.name === 'master' || width === 1440) await accessible(page, where);
        if (who.name === 'master') await shoot(page, `${name}-${colorScheme}-${width}`);
      }
    }
    await context.close();
  }
};

// withoutScripts: everything but live changes works.
const withoutScripts = async (browser) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  watch(page, () => true);
  await signIn(page, task.callers.admin);
  await page.fill('#ask', task.number);
  await page.press('#ask', 'Enter');
  check((await page.textContent('.verdict')).includes(task.winner), 'without scripts', 'the tester does not answer');
  check(await page.locator('svg .took').count() > 0, 'without scripts', 'the way is not marked');
  await page.click(`.verdict a`);
  await page.click('form:has(input[name="from"]) button');
  check(await page.locator('table.cards tbody tr').count() > 0, 'without scripts', 'there is no comparison');
  await context.close();
};

// byKeyboard: the skip link comes first and shows itself, and every control
// that has the focus shows it.
const byKeyboard = async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, task.callers.admin);
  await page.goto(at(task.pages.callflows));
  await page.keyboard.press('Tab');
  const skip = await page.evaluate(() => ({ at: document.activeElement.className, top: document.activeElement.getBoundingClientRect().top }));
  check(skip.at === 'skip' && skip.top >= 0, 'keyboard', `the first stop is ${JSON.stringify(skip)}`);
  await page.keyboard.press('Enter');
  check(await page.evaluate(() => document.activeElement.id === 'main'), 'keyboard', 'the skip link does not lead to the content');
  await page.goto(at(task.pages.callflows));
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press('Tab');
    const shown = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    });
    check(shown, 'keyboard', `stop ${i + 2} does not show the focus`);
  }
  await context.close();
};

// live: a change appears without a reload.
const live = async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  watch(page);
  await signIn(page, task.callers.admin);
  await page.goto(at(task.pages.changes));
  await page.waitForFunction(() => document.getElementById('live').textContent !== '');
  const made = await fetch(at(`/v2/accounts/${task.account}/callflows`), {
    method: 'PUT', headers: { 'X-Auth-Token': task.token, 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: { name: 'live', numbers: ['2888'] } }),
  });
  const { data } = await made.json();
  await page.waitForSelector(`#feed a[href$="${data.id}"]`);
  check(await page.textContent(`#feed a[href$="${data.id}"]`) === 'live', 'live', 'a change is not called by its name');
  await accessible(page, 'live');
  await context.close();
};

// restores brings a version back, and settles a conflict.
const restores = async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  watch(page);
  await signIn(page, task.callers.admin);
  await page.goto(at(task.pages.flow));
  await page.click('.timeline a[href*="restore"] >> nth=-1');
  check((await page.textContent('main')).includes(task.moved), 'restore', `the preview does not name ${task.moved}`);
  await page.click('.confirm button');
  await page.waitForSelector('.said');
  await page.goto(at(task.pages.conflict));
  await page.click('form:has(input[name="merge"]) button');
  await page.waitForSelector('.said');
  await page.goto(at(task.pages.deleted));
  await page.click('table a.button');
  await page.click('.confirm button');
  await page.waitForSelector('.said');
  await context.close();
};

// otherSites: another site can neither use a session nor frame a page, and a
// link on it leads to the page all the same.
const otherSites = async (browser) => {
  const evil = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    const target = at('/ui/sign-out');
    response.end({
      '/post': `<form method="post" action="${target}"></form><script>document.forms[0].submit()</script>`,
      '/link': `<a href="${at(task.pages.test)}">look</a>`,
      '/frame': `<iframe src="${at(task.pages.callflows)}"></iframe>`,
    }[request.url] ?? '');
  });
  await new Promise((done) => { evil.listen(0, '127.0.0.1', done); });
  const elsewhere = `http://localhost:${evil.address().port}`; // another site than 127.0.0.1
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, task.callers.admin);
  const answer = page.waitForResponse((r) => r.url() === at('/ui/sign-out'));
  await page.goto(`${elsewhere}/post`);
  check((await answer).status() === 403, 'other site', `its form is answered with ${(await answer).status()}`);
  await page.waitForLoadState();
  check((await page.goto(at(task.pages.callflows))).status() === 200 && page.url() === at(task.pages.callflows), 'other site', 'its form has signed the caller out');
  await page.goto(`${elsewhere}/link`);
  await page.click('a');
  await page.waitForSelector('.verdict');
  await page.goto(`${elsewhere}/frame`);
  check(await page.frames()[1].locator('nav').count() === 0, 'other site', 'it can frame a page');
  await context.close();
  evil.close();
};

// refusals: wrong credentials, and a session that has ended.
const refusals = async (browser) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(at(task.pages.test));
  check(page.url().includes('/ui/sign-in?next='), 'stranger', `is sent to ${page.url()}`);
  await page.fill('#api_key', '0'.repeat(64));
  await page.click('form:has(#api_key) button');
  await page.waitForSelector('[role="alert"]');
  await accessible(page, 'wrong credentials');
  await page.fill('#api_key', task.callers.master.key);
  await page.click('form:has(#api_key) button');
  await page.waitForSelector('.verdict'); // of the page that was asked for
  await page.click('form[action="/ui/sign-out"] button');
  await page.waitForURL(/sign-in/);
  await page.goto(at(task.pages.callflows));
  check(page.url().includes('/ui/sign-in'), 'signed out', 'still sees a page');
  await context.close();
};

await run(async (browser) => {
  for (const test of [refusals, withoutScripts, byKeyboard, otherSites]) {
    try {
      await test(browser);
    } catch (error) {
      complain(test.name, error.message);
    }
  }
  for (const who of Object.values(task.callers)) await walk(browser, who);
  for (const test of [live, restores]) {
    try {
      await test(browser);
    } catch (error) {
      complain(test.name, error.message);
    }
  }
});

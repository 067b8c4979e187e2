// What every browser test needs. A test is a module of this folder: it reads
// its task, JSON on standard input, and fails by throwing or by complain().
import { chromium } from 'playwright-core';
import fs from 'node:fs';

export const task = JSON.parse(fs.readFileSync(0, 'utf8'));

const axeSource = fs.readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const complaints = new Set();

// complain tells of a fault; the test goes on, and fails at its end.
export const complain = (where, what) => {
  const one = `${where}: ${what}`;
  if (!complaints.has(one)) console.log(one);
  complaints.add(one);
};

// check complains unless something holds.
export const check = (holds, where, what) => {
  if (!holds) complain(where, what);
};

export const launch = () => chromium.launch({
  executablePath: task.chromium,
  args: ['--no-sandbox', '--no-proxy-server', '--disable-gpu', '--disable-dev-shm-usage'],
});

// watch collects a page's console errors and failed requests; expected(url)
// says which answers are meant to be errors.
export const watch = (page, expected = () => false) => {
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected(message.location().url)) complain(page.url(), `console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complain(page.url(), `script: ${error.message}`));
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') complain(page.url(), `request ${request.url()}: ${why}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !expected(response.url())) complain(page.url(), `${response.status()} of ${response.url()}`);
  });
};

// fits complains of what reaches over the right edge of the page.
export const fits = async (page, where) => {
  const over = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll('body *')]
      .filter((e) => e.getBoundingClientRect().right > room + 1 && !e.closest('.scroll, pre'))
      .slice(0, 5).map((e) => `${e.tagName.toLowerCase()}.${e.className}`);
  });
  if (over.length) complain(where, `overflows: ${over.join(', ')}`);
};

// accessible complains of what axe finds against WCAG 2.2 AA and good practice.
export const accessible = async (page, where) => {
  await page.evaluate(`${axeSource};0`); // evaluated from outside, where the page's policy does not reach
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`);
  });
  for (const one of found) complain(where, one);
};

// shoot keeps a picture of a page where the task names a folder for them.
export const shoot = async (page, name) => {
  if (task.shots) await page.screenshot({ path: `${task.shots}/${name}.png`, fullPage: true });
};

// run runs a test and ends the program.
export const run = async (test) => {
  const browser = await launch();
  try {
    await test(browser);
  } finally {
    await browser.close();
  }
  process.exit(complaints.size ? 1 : 0);
};

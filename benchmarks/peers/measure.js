// What both JavaScript peers share: the job, the sinks that check what arrives, the clock, and the one line they print.
import { createRequire } from 'node:module';
import path from 'node:path';

const [workload, n, k, variant] = process.argv.slice(2);
export const job = { workload, n: Number(n), k: Number(k), variant };
export const FAN = 100;
const CAPACITY = 64; // neither peer pushes back, so the source waits after as many as a channel would hold
const TRAVERSALS = 7;
const WARM_UP = 10;

// Modules live in the cache directory that the harness installed them into.
export const load = createRequire(path.join(process.env.TINYFLOW_BENCH_NODE, 'package.json'));

const now = () => performance.now() / 1000;
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
const residentKib = () => { global.gc?.(); return process.memoryUsage().rss / 1024; };

function print(figures) {
  process.stdout.write(JSON.stringify({ ...figures, peak_mib: process.resourceUsage().maxRSS / 1024 }) + '\n', () => process.exit(0));
}

export function fail(error) {
  process.stderr.write(`${error?.stack ?? error}\n`, () => process.exit(1));
}

function check(m, i) {
  if (m.i !== i || m.t !== i) throw new Error(`message ${i} arrived as ${JSON.stringify(m)}`);
}

// The clock starts when a tenth has arrived: by then the just-in-time compiler has seen the code.
function clock(messages, hops) {
  const warm = Math.floor(messages / WARM_UP);
  let seen = 0;
  let begin;
  return () => {
    seen++;
    if (seen === warm) begin = { wall: now(), cpu: cpu() };
    if (seen < messages) return;
    const done = ((messages - warm) / messages) * hops;
    print({ hops: done, rate: done / (cpu() - begin.cpu), wall_rate: done / (now() - begin.wall) });
  };
}

// Each takes push functions and returns what every sink calls with a message.
export function chain(push) {
  const arrived = clock(job.n, job.n * (job.k + 1));
  let sent = 0;
  let seen = 0;
  const feed = () => {
    const until = Math.min(job.n, sent + CAPACITY);
    while (sent < until) { const i = sent++; push({ i, t: i }); }
  };
  setImmediate(feed);
  return (m) => {
    check(m, seen++);
    arrived();
    if (seen === sent && seen < job.n) setImmediate(feed);
  };
}

// A hundred deliveries for each push: to as many sinks, or from as many sources.
function fan(push, numberOf) {
  const arrived = clock(job.n * FAN, job.n * FAN);
  const seen = new Array(FAN).fill(0);
  let sent = 0;
  let delivered = 0;
  const feed = () => push(sent++);
  setImmediate(feed);
  return (m, sink) => {
    check(m, seen[numberOf(m, sink)]++);
    arrived();
    delivered++;
    if (delivered === sent * FAN && sent < job.n) setImmediate(feed);
  };
}

export function fanOut(push) {
  return fan((i) => push({ i, t: i }), (_, sink) => sink);
}

export function fanIn(pushes) {
  return fan((i) => pushes.forEach((push, k) => push({ i, t: i, k })), (m) => m.k);
}

function laps(push, rounds, done) {
  const seconds = [];
  let begin;
  const once = () => { begin = now(); push({ i: seconds.length, t: seconds.length }); };
  setImmediate(once);
  return (m) => {
    check(m, seconds.length);
    seconds.push(now() - begin);
    if (seconds.length === rounds) done(seconds);
    else setImmediate(once);
  };
}

export function latency(push) {
  return laps(push, job.n, (all) => {
    const sorted = all.slice(Math.floor(all.length / WARM_UP)).sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor(sorted.length * share)] * 1e6;
    print({ p50: at(0.5), p99: at(0.99) });
  });
}

export function created() {
  const before = { kib: residentKib(), begin: now() };
  return (push) => {
    const seconds = now() - before.begin;
    const kib = residentKib() - before.kib;
    return laps(push, TRAVERSALS, (all) => {
      const rest = all.slice(1).sort((a, b) => a - b);
      print({
        us_node: (seconds / job.n) * 1e6,
        kib_node: kib / job.n,
        first_ms: all[0] * 1e3,
        traverse_ms: ((rest[2] + rest[3]) / 2) * 1e3,
      });
    });
  };
}

// Node-RED 4, headless: a flow of function (or change) nodes, deployed through its runtime. It has no back-pressure.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { FAN, chain, created, fail, fanIn, fanOut, job, latency, load } from './measure.js';

const RED = load('node-red');
const tab = { id: 'bench', type: 'tab', label: 'bench' };
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tinyflow-bench-'));
process.on('exit', () => fs.rmSync(directory, { recursive: true, force: true }));

// Function nodes reach us through their global context.
const hook = { arrived: () => {}, push: {} };

const place = (id, type, wires, more) => ({ id, type, z: tab.id, name: id, x: 1, y: 1, wires, ...more });
const code = (id, func, wires, initialize = '') =>
  place(id, 'function', wires, { func, initialize, finalize: '', outputs: wires.length, timeout: 0, noerr: 0, libs: [] });
const entry = (id, targets) => code(id, '', [targets], `global.get('hook').push['${id}'] = (m) => node.send(m);`);
const sink = (id, number) => code(id, `global.get('hook').arrived(msg, ${number}); return null;`, []);
const pass = (id, next) => {
  if (job.variant !== 'change') return code(id, 'return msg;', [[next]]);
  const rules = [{ t: 'set', p: 'topic', pt: 'msg', to: 'a', tot: 'str' }];
  return place(id, 'change', [[next]], { rules });
};

function describe() {
  const numbers = Array.from({ length: FAN }, (_, j) => j);
  if (job.workload === 'fan-out') {
    return [...numbers.map((j) => sink(`sink${j}`, j)), entry('entry0', numbers.map((j) => `sink${j}`))];
  }
  if (job.workload === 'fan-in') return [sink('sink0', 0), ...numbers.map((j) => entry(`entry${j}`, ['sink0']))];
  const length = job.workload === 'w3' ? job.n : job.k;
  const nodes = [entry('entry0', ['n0']), sink('sink0', 0)];
  for (let j = 0; j < length; j++) nodes.push(pass(`n${j}`, j + 1 < length ? `n${j + 1}` : 'sink0'));
  return nodes;
}

const started = () => new Promise((resolve) => RED.runtime.events.once('flows:started', resolve));
const seconds = (s) => new Promise((resolve) => setTimeout(resolve, s * 1000));

async function main() {
  RED.init(http.createServer(), {
    httpAdminRoot: false, httpNodeRoot: false, userDir: directory, flowFile: 'flows.json', functionGlobalContext: { hook },
    logging: { console: { level: 'error', metrics: false, audit: false } }, functionExternalModules: false,
    editorTheme: { projects: { enabled: false } }, runtimeState: { enabled: false, ui: false }, telemetry: { enabled: false },
  });
  const empty = started();
  await RED.start();
  await Promise.race([empty, seconds(1.5)]); // without a flow file it may never say that it started
  const ready = created();
  const deployed = started();
  await RED.runtime.flows.setFlows({ flows: { flows: [tab, ...describe()] }, deploymentType: 'full' });
  await deployed;
  while (!Object.keys(hook.push).length) await seconds(0.01); // function nodes initialise after the event
  if (job.workload === 'fan-in') {
    hook.arrived = fanIn(Array.from({ length: FAN }, (_, j) => hook.push[`entry${j}`]));
    return;
  }
  const workloads = { w1: chain, 'fan-out': fanOut, w3: ready, w5: latency };
  hook.arrived = workloads[job.workload](hook.push.entry0);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);

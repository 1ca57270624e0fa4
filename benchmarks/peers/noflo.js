// NoFlo 1.x: components with the process() API. It has no back-pressure.
import { FAN, chain, created, fail, fanIn, fanOut, job, latency, load } from './measure.js';

const noflo = load('noflo');
let arrived = () => {};

function pass() {
  const component = new noflo.Component();
  component.inPorts.add('in', { datatype: 'object' });
  component.outPorts.add('out', { datatype: 'object' });
  return component.process((input, output) => {
    if (input.hasData('in')) output.sendDone({ out: input.getData('in') });
  });
}

function sink(number) {
  const component = new noflo.Component();
  component.inPorts.add('in', { datatype: 'object' });
  return component.process((input, output) => {
    if (!input.hasData('in')) return;
    arrived(input.getData('in'), number);
    output.done();
  });
}

function describe(flow) {
  if (job.workload === 'fan-out') {
    flow.addNode('n0', 'bench/Pass');
    for (let j = 0; j < FAN; j++) {
      flow.addNode(`sink${j}`, `bench/Sink${j}`);
      flow.addEdge('n0', 'out', `sink${j}`, 'in');
    }
    return ['n0'];
  }
  flow.addNode('sink0', 'bench/Sink0');
  if (job.workload === 'fan-in') {
    const names = Array.from({ length: FAN }, (_, j) => `n${j}`);
    for (const name of names) {
      flow.addNode(name, 'bench/Pass');
      flow.addEdge(name, 'out', 'sink0', 'in');
    }
    return names;
  }
  const length = job.workload === 'w3' ? job.n : job.k;
  for (let j = 0; j < length; j++) {
    flow.addNode(`n${j}`, 'bench/Pass');
    if (j) flow.addEdge(`n${j - 1}`, 'out', `n${j}`, 'in');
  }
  flow.addEdge(`n${length - 1}`, 'out', 'sink0', 'in');
  return ['n0'];
}

async function main() {
  const loader = new noflo.ComponentLoader(process.cwd(), {});
  await loader.listComponents().catch(() => {});
  loader.components ??= {};
  loader.registerComponent('bench', 'Pass', pass);
  for (let j = 0; j < FAN; j++) loader.registerComponent('bench', `Sink${j}`, () => sink(j));
  const ready = created();
  const flow = new noflo.Graph('bench');
  const entries = describe(flow);
  // From 1,000 nodes on, synchronous delivery overflows the stack.
  const asyncDelivery = job.workload === 'w3';
  const network = await noflo.createNetwork(flow, { componentLoader: loader, delay: true, subscribeGraph: false, asyncDelivery });
  await network.connect();
  await network.start();
  const pushes = entries.map((name) => {
    const socket = noflo.internalSocket.createSocket();
    network.getNode(name).component.inPorts.in.attach(socket);
    return (m) => socket.send(m);
  });
  const workloads = { w1: chain, 'fan-out': fanOut, w3: ready, w5: latency };
  arrived = job.workload === 'fan-in' ? fanIn(pushes) : workloads[job.workload](pushes[0]);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);

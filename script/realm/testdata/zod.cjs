// What BenchmarkZodRecords measures, with Node: node script/realm/testdata/zod.cjs, in the repository's root.
const path = require('node:path');
const z = require(path.resolve('script/modules/zod/dist/zod.cjs'));
const kinds = [() => z.string(), () => z.number(), () => z.boolean(), () => z.string().nullable(), () => z.string().optional()];
const shape = {};
for (let i = 0; i < 20; i++) shape['field' + i] = kinds[i % 5]();
const model = z.object(shape), records = [];
for (let i = 0; i < 1000; i++) {
  const r = {}, values = ['text ' + i, i + 0.5, i % 2 === 0, null, 'x' + i];
  for (let j = 0; j < 20; j++) r['field' + j] = values[j % 5];
  records.push(r);
}
for (let round = 1; round <= 5; round++) {
  const before = process.cpuUsage();
  for (let i = 0; i < 10; i++) records.map((r) => model.parse(r));
  const used = process.cpuUsage(before);
  console.log(`round ${round}: ${(used.user + used.system) / 1000} ms of CPU`);
}

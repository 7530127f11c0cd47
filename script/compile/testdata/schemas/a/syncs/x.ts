import { createSync } from 'nango';
import * as z from 'zod';
const Node: any = z.object({ id: z.string(), get children() { return z.array(Node); } });
const Lazy: any = z.object({ id: z.string(), next: z.lazy(() => Lazy).optional() });
const M = z.object({ id: z.string(), a: z.date(), b: z.coerce.date(), c: z.string().transform(Number), d: z.map(z.string(), z.number()), e: z.instanceof(Date), f: z.custom(() => true), g: z.string().brand(), h: z.number().catch(3),
 i: z.discriminatedUnion('k', [z.object({ k: z.literal('x') }), z.object({ k: z.literal('y'), n: z.int() })]), j: z.record(z.string(), z.unknown()), k: z.email(), l: z.uuid(), m: z.url(), n: z.iso.datetime(), o: z.bigint(), p: z.undefined(), q: z.tuple([z.string(), z.number()]), r: z.enum(['a','b']), s: z.string().default('x'), t: z.nullable(z.string()), u: z.any(), v: z.set(z.string()), w: z.symbol(), x: z.number().int().min(1).max(5), y: z.string().regex(/^\d+$/).min(2), z: z.emoji() });
export default createSync({ description: 'x', frequency: '1h', models: { Tree: Node, Lazy, Wide: M }, exec: async () => {} });

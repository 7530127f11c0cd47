import { createSync } from 'nango';
import * as z from 'zod';

const item = z.object({ id: z.string(), name: z.string(), email: z.string(), rev: z.number(), amount: z.number(), body: z.string() });

// Pages through the outside API as the connection's metadata says.
export default createSync({
    description: 'Bulk import',
    version: '1.0.0',
    frequency: 'every day',
    autoStart: false,
    metadata: z.object({ total: z.number(), limit: z.number(), rev: z.number() }),
    models: { Item: item },
    exec: async (nango) => {
        const m = (await nango.getMetadata()) as { total: number; limit: number; rev: number };
        for (let offset = 0; offset < m.total; offset += m.limit) {
            const res = await nango.get<{ items: z.infer<typeof item>[] }>({
                endpoint: '/items',
                params: { offset: String(offset), limit: String(m.limit), rev: String(m.rev), total: String(m.total) }
            });
            await nango.batchSave(res.data.items, 'Item');
        }
    }
});

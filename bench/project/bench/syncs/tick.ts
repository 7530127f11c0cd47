import { createSync } from 'nango';
import * as z from 'zod';

// One small fetch and one record, for many scheduled syncs.
export default createSync({
    description: 'Small periodic sync',
    version: '1.0.0',
    frequency: 'every 30s',
    autoStart: false,
    models: { Tick: z.object({ id: z.string(), body: z.string() }) },
    exec: async (nango) => {
        const res = await nango.get<{ id: string; body: string }>({ endpoint: '/tick' });
        await nango.batchSave([{ id: res.data.id, body: res.data.body }], 'Tick');
    }
});

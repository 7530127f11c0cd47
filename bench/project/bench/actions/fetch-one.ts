import { createAction } from 'nango';
import * as z from 'zod';

// One proxied call of 1 kB.
export default createAction({
    description: 'One proxied call',
    version: '1.0.0',
    input: z.object({ n: z.number() }),
    output: z.object({ id: z.string() }),
    exec: async (nango) => {
        const res = await nango.get<{ id: string }>({ endpoint: '/one' });
        return { id: res.data.id };
    }
});

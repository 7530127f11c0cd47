import { createAction } from 'nango';
import * as z from 'zod';

// What is timed is the platform: the script returns at once.
export default createAction({
    description: 'Returns at once',
    version: '1.0.0',
    input: z.object({ n: z.number() }),
    output: z.object({ n: z.number() }),
    exec: async (_nango, input) => ({ n: input.n })
});

import { createAction } from 'causeway';
import * as z from 'zod';

export default createAction({
    description: 'Makes a task in the demo API',
    input: z.object({ title: z.string().min(1) }),
    output: z.object({ id: z.string(), title: z.string(), done: z.boolean() }),

    exec: async (nango, input) => {
        const { data } = await nango.post<{ id: string; title: string; done: boolean }>({
            endpoint: '/v1/tasks',
            data: { title: input.title }
        });
        return { id: data.id, title: data.title, done: data.done };
    }
});

import { createAction } from 'causeway';
import * as z from 'zod';

const NewTask = z.object({ title: z.string().min(1) });

export default createAction({
    description: 'Adds a task to the demo API',
    version: '1.0.0',
    input: NewTask,
    output: z.object({ id: z.string(), title: z.string() }),

    exec: async (nango, input) => {
        const { data: checked } = await nango.zodValidateInput({ zodSchema: NewTask, input });
        const { data: task } = await nango.post<{ id: string; title: string }>({
            endpoint: '/v1/tasks',
            data: { title: checked.title },
            retries: 3
        });
        return { id: task.id, title: task.title };
    }
});

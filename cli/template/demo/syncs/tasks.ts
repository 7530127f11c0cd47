import { createSync } from 'causeway';
import * as z from 'zod';

const task = z.object({
    id: z.string(),
    title: z.string(),
    done: z.boolean(),
    updated_at: z.string()
});

// The demo API is built in: it runs beside the platform and takes any key.
export default createSync({
    description: 'Keeps the tasks of the demo API as records',
    frequency: 'every 5 minutes',
    autoStart: true,
    models: { Task: task },

    exec: async (nango) => {
        await nango.trackDeletesStart('Task');

        const pages = nango.paginate<z.infer<typeof task>>({
            endpoint: '/v1/tasks',
            retries: 3,
            paginate: {
                type: 'cursor',
                cursor_name_in_request: 'cursor',
                cursor_path_in_response: 'next_cursor',
                response_path: 'tasks',
                limit_name_in_request: 'limit',
                limit: 100
            }
        });
        for await (const page of pages) {
            const tasks = page.map(({ id, title, done, updated_at }) => ({ id, title, done, updated_at }));
            await nango.batchSave(tasks, 'Task');
        }

        // A task that no page held any more is marked as deleted.
        await nango.trackDeletesEnd('Task');
    }
});

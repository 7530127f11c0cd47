import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/**
 * Runs one node inside this process: "Launch FOLDER PORT". The distribution's own entry point insists on another user than root and on
 * kernel settings; making the node directly needs neither, which is all that a test wants. It listens on loopback, without security.
 */
public final class Launch extends Node {
    /** Classes of the modules in pom.xml. The older line's names lack the word in the middle. */
    private static final String[][] MODULES = {
        {"org.opensearch.transport.Netty4ModulePlugin", "org.opensearch.transport.Netty4Plugin"},
        {"org.opensearch.index.reindex.ReindexModulePlugin", "org.opensearch.index.reindex.ReindexPlugin"},
        {"org.opensearch.painless.PainlessModulePlugin", "org.opensearch.painless.PainlessPlugin"},
        {"org.opensearch.analysis.common.CommonAnalysisModulePlugin", "org.opensearch.analysis.common.CommonAnalysisPlugin"},
    };

    @SuppressWarnings({"unchecked", "rawtypes"}) // the parameter's type differs between the two lines of versions
    private Launch(Settings settings) throws ClassNotFoundException {
        super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "node"), (Collection) modules(), true);
    }

    private static Collection<Object> modules() throws ClassNotFoundException {
        List<Object> out = new ArrayList<>();
        for (String[] names : MODULES) {
            Class<?> c = first(names);
            if (Version.CURRENT.major < 3) {
                out.add(c);
            } else {
                out.add(new PluginInfo(c.getName(), "part of a test node", "0", Version.CURRENT, "17", c.getName(), null, List.of(), false));
            }
        }
        return out;
    }

    private static Class<?> first(String[] names) throws ClassNotFoundException {
        ClassNotFoundException missing = null;
        for (String name : names) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException e) {
                missing = e;
            }
        }
        throw missing;
    }

    public static void main(String[] args) throws Exception {
        Node node = new Launch(Settings.builder()
            .put("path.home", Path.of(args[0]).toAbsolutePath().toString())
            .put("cluster.name", "causeway-test")
            .put("node.name", "node")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", args[1])
            .put("transport.port", "0")
            .put("node.store.allow_mmap", false) // or the kernel's vm.max_map_count would have to be raised
            .put("cluster.routing.allocation.disk.threshold_enabled", false) // a full disk of the machine is not what is tested
            .build());
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
                node.awaitClose(10, TimeUnit.SECONDS);
            } catch (Exception e) {
                System.err.println("close: " + e);
            } finally {
                ended.countDown();
            }
        }));
        node.start();
        ended.await();
    }
}

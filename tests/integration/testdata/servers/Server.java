import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;

/** Answers with what it sees of its machine and of itself, from a pool of threads. */
public class Server {
	public static void main(String[] args) throws IOException {
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 8080), 0);
		server.setExecutor(Executors.newFixedThreadPool(4));
		server.createContext("/", exchange -> {
			Files.writeString(Path.of("/data/asked"), "java\n");
			Files.createTempFile("asked", "");
			byte[] text = describe().getBytes();
			exchange.sendResponseHeaders(200, text.length);
			try (var body = exchange.getResponseBody()) {
				body.write(text);
			}
		});
		Runtime.getRuntime().addShutdownHook(new Thread(() -> {
			server.stop(0);
			System.out.println("stopped");
		}));
		server.start();
	}

	private static String describe() {
		Runtime machine = Runtime.getRuntime();
		return "pid " + ProcessHandle.current().pid()
			+ "\nhome " + System.getProperty("user.home")
			+ "\nuser " + System.getProperty("user.name")
			+ "\nprocessors " + machine.availableProcessors()
			+ "\nheap " + machine.maxMemory() + "\n";
	}
}

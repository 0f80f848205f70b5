import com.amazon.randomcutforest.RandomCutForest;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Peer of `npm run bench -- trees`: Outliers.java POINTS.csv TREES SAMPLE -> CPU seconds, then one score a line. */
public class Outliers {
    public static void main(String[] args) throws Exception {
        List<String> lines = Files.readAllLines(Path.of(args[0]));
        float[][] points = new float[lines.size()][];
        for (int i = 0; i < points.length; i++) {
            String[] values = lines.get(i).split(",");
            points[i] = new float[values.length];
            for (int k = 0; k < values.length; k++) points[i][k] = Float.parseFloat(values[k]);
        }
        RandomCutForest forest = RandomCutForest.builder().dimensions(points[0].length).numberOfTrees(Integer.parseInt(args[1]))
                .sampleSize(Integer.parseInt(args[2])).randomSeed(1).parallelExecutionEnabled(false).build();
        double[] scores = new double[points.length];
        long started = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        for (int i = 0; i < points.length; i++) {
            scores[i] = forest.getAnomalyScore(points[i]);
            forest.update(points[i]);
        }
        StringBuilder out = new StringBuilder();
        out.append((ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - started) / 1e9).append('\n');
        for (double score : scores) out.append(score).append('\n');
        System.out.print(out);
    }
}

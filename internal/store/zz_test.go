package store_test
import ("testing";"database/sql";"fmt";"time";"keepwatch/internal/incident";"os";"encoding/binary")
func TestZZ(t *testing.T){
 dir:=t.TempDir()
 db:=openAt(t,dir+"/x.db")
 now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
 step := func(v incident.View) (incident.Changes, error) { return incident.Step(v, incident.DefaultPolicy(), now) }
 checks:=benchSet()
 db.SyncChecks(t.Context(), now, checks)
 raw,_:=sql.Open("sqlite",dir+"/x.db")
 for r:=0;r<40;r++{ now=now.Add(10*time.Second)
  for at:=0;at<1000;at+=100{ g:=group(checks[at:at+100],now)
   if r==39 && at==0 { raw.Exec("pragma wal_checkpoint(truncate)") }
   if _,err:=db.Apply(t.Context(),g,now.Add(time.Second),step);err!=nil{t.Fatal(err)}
   if r==39 && at<300 {
     b,_:=os.ReadFile(dir+"/x.db-wal"); pages:=map[string]int{}
     for o:=32;o+4120<=len(b);o+=4120 { pg:=binary.BigEndian.Uint32(b[o:]); var n string; raw.QueryRow("select name||':'||pagetype from dbstat where pageno=?",pg).Scan(&n); pages[n]++ }
     fmt.Println(at,(len(b)-32)/4120,pages) }
  }}
}

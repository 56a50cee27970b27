// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVerStaking} from "../src/QUIVerStaking.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {FeeToken, HookToken} from "./support/StrangeTokens.sol";
import {vm} from "./support/Vm.sol";

/// @dev One or more tests for each class of fault that staking contracts were found to have (docs/staking.md).
contract StakingBugsTest is StakingSetup {
    uint256 private constant STAKE = 10_000 * QUIV;

    // 11: escape from slashing

    function test_Bug11_UnbondingIsSlashedLikeStake() public {
        stakeAs(alice, STAKE);
        vm.prank(alice);
        staking.requestUnstake(STAKE);
        skip(14 days - 1);
        bytes32 id = reportPair(alice, 1);
        skip(3 days);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.WithdrawOnHold.selector, START + 24 days - 1));
        withdrawAs(alice);
        eq(staking.executeSlash(alice, id), STAKE / 20, "from what was leaving");
        withdrawAs(alice);
        eq(token.balanceOf(alice), FUNDS - STAKE / 20, "the rest");
    }

    function test_Bug11_WithdrawCantOvertakeAnExecution() public {
        stakeAs(alice, STAKE);
        vm.prank(alice);
        staking.requestUnstake(STAKE);
        skip(13 days);
        bytes32 id = reportPair(alice, 1);
        // Any moment at which the report can still be executed, a withdrawal is held.
        for (uint256 day = 1; day < 10; ++day) {
            skip(1 days);
            uint256 snapshot = vm.snapshotState();
            if (day >= 3) staking.executeSlash(alice, id);
            vm.revertToState(snapshot);
            vm.expectPartialRevert(IQUIVerStaking.WithdrawOnHold.selector);
            withdrawAs(alice);
        }
    }

    function test_Bug11_UnstakingAgainKeepsTheHold() public {
        stakeAs(alice, STAKE);
        vm.startPrank(alice);
        staking.requestUnstake(STAKE / 2);
        skip(13 days);
        vm.stopPrank();
        reportPair(alice, 1);
        vm.prank(alice);
        staking.requestUnstake(STAKE / 2);
        skip(1 days);
        vm.expectPartialRevert(IQUIVerStaking.StillUnbonding.selector);
        withdrawAs(alice);
    }

    function test_Bug11_ReportsCantHoldForEver() public {
        stakeAs(alice, STAKE);
        vm.prank(alice);
        staking.requestUnstake(STAKE);
        for (uint256 i = 1; i <= 5; ++i) {
            skip(24 days / 5);
            reportFailures(alice, i, 1);
        }
        eq(block.timestamp, START + 24 days, "ten days after it was due");
        withdrawAs(alice);
        eq(token.balanceOf(alice), FUNDS, "out, whatever was reported last");
    }

    function test_Bug11_UnbondingOutlastsAReport() public view {
        isTrue(staking.UNBONDING_PERIOD() > staking.REPORT_LIFETIME(), "longer than a report lives");
        isTrue(
            staking.UNBONDING_PERIOD() > staking.DISPUTE_WINDOW() + roles.TIMELOCK_DELAY(), "longer than to dispute"
        );
    }

    // 12: rounding of slashes

    function test_Bug12_TheSmallestStakeLosesSomething() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days);
        staking.withdraw();
        staking.stake(1_000 * QUIV, false);
        staking.requestUnstake(1_000 * QUIV - 1);
        skip(14 days);
        staking.withdraw();
        vm.stopPrank();
        eq(info(alice).staked, 1, "one base unit");
        bytes32 id = reportFailures(alice, 1, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, id), 1, "all of it, and no revert");
        eq(info(alice).staked, 0, "nothing left");
    }

    function test_Bug12_BaseIsThatOfTheReport() public {
        stakeAs(alice, STAKE);
        bytes32 first = reportFailures(alice, 1, 10);
        bytes32 second = reportFailures(alice, 100, 10);
        stakeAs(alice, STAKE);
        skip(3 days);
        eq(staking.executeSlash(alice, first), STAKE / 20, "not of what was added since");
        eq(staking.executeSlash(alice, second), STAKE / 20, "nor less for the slash before");
    }

    function test_Bug12_LastExitAfterSlashes() public {
        stakeAs(alice, 1_000 * QUIV + 7);
        stakeAs(bob, 3_333 * QUIV + 1);
        fund(777 * QUIV, 10 days);
        bytes32 first = reportFailures(alice, 1, 7);
        bytes32 second = reportFailures(bob, 1, 3);
        skip(4 days);
        staking.executeSlash(alice, first);
        staking.executeSlash(bob, second);
        skip(10 days);
        leave(alice);
        leave(bob);
        eq(staking.poolInfo().totalStaked, 0, "all out");
        eq(staking.poolInfo().totalWeight, 0, "no weight left");
    }

    function test_Bug12_NeverTakesMoreThanThereIs() public {
        stakeAs(alice, STAKE);
        vm.prank(alice);
        staking.requestUnstake(STAKE - QUIV);
        skip(23 days);
        bytes32 id = reportPair(alice, 1);
        // Nine days overdue already, the unbonding may leave before the report is decided.
        skip(1 days);
        withdrawAs(alice);
        skip(2 days);
        eq(staking.executeSlash(alice, id), QUIV, "what there is");
        eq(info(alice).staked, 0, "no underflow");
    }

    // 13: evidence forged or used twice

    function test_Bug13_SameDigestTwiceIsNoEvidence() public {
        bytes32[] memory same = new bytes32[](2);
        same[0] = bytes32(uint256(5));
        same[1] = bytes32(uint256(5));
        stakeAs(alice, STAKE);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.DigestsNotAscending.selector, 1));
        staking.proposeSlash(alice, IQUIVerStaking.Violation.Equivocation, same);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.DigestsNotAscending.selector, 1));
        staking.proposeSlash(alice, IQUIVerStaking.Violation.CanaryFailures, same);
    }

    function test_Bug13_PairHasOneOrder() public {
        bytes32[] memory pair = new bytes32[](2);
        pair[0] = bytes32(uint256(2));
        pair[1] = bytes32(uint256(1));
        stakeAs(alice, STAKE);
        reportPair(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.DigestsNotAscending.selector, 1));
        staking.proposeSlash(alice, IQUIVerStaking.Violation.Equivocation, pair);
    }

    function test_Bug13_ViolationCountsOnce() public {
        stakeAs(alice, STAKE);
        bytes32 pair = reportPair(alice, 1);
        bytes32 failures = reportFailures(alice, 1, 3);
        rejectUsed(pair, IQUIVerStaking.Violation.Equivocation, 1, 2);
        rejectUsed(failures, IQUIVerStaking.Violation.CanaryFailures, 1, 3);
        // Named with others, it is still the same violation.
        rejectUsed(failures, IQUIVerStaking.Violation.CanaryFailures, 3, 2);
        skip(3 days);
        staking.executeSlash(alice, pair);
        staking.executeSlash(alice, failures);
        rejectUsed(pair, IQUIVerStaking.Violation.Equivocation, 1, 2);
        rejectUsed(failures, IQUIVerStaking.Violation.CanaryFailures, 2, 1);
    }

    function test_Bug13_NewViolationsStillCount() public {
        stakeAs(alice, STAKE);
        bytes32 pair = reportPair(alice, 1);
        skip(3 days);
        staking.executeSlash(alice, pair);
        reportPair(alice, 2);
        reportFailures(alice, 1, 1);
        reportFailures(alice, 2, 1);
    }

    function test_Bug13_CancelledEvidenceCanBeProvedAgain() public {
        stakeAs(alice, STAKE);
        // An accomplice brings the evidence first and badly, so that it would be spent.
        bytes32 first = reportFailures(alice, 1, 2);
        vm.prank(arbiter);
        staking.resolveSlash(alice, first, false);
        bytes32 second = reportFailures(alice, 2, 2);
        // What is free again is only what no other report has taken meanwhile.
        rejectUsed(second, IQUIVerStaking.Violation.CanaryFailures, 1, 2);
        skip(3 days);
        staking.executeSlash(alice, second);
        reportFailures(alice, 1, 1);
    }

    function test_Bug13_LapsedEvidenceFreesOnlyWithItsBond() public {
        stakeAs(alice, STAKE);
        bytes32 id = reportFailures(alice, 1, 1);
        skip(10 days);
        rejectUsed(id, IQUIVerStaking.Violation.CanaryFailures, 1, 1);
        staking.lapseSlash(alice, id);
        eq(reportFailures(alice, 1, 1), id, "the same again");
    }

    function test_Bug13_EvidenceIsBoundToTheAccount() public {
        stakeAs(alice, STAKE);
        stakeAs(bob, STAKE);
        bytes32 id = reportPair(alice, 1);
        skip(3 days);
        vm.expectPartialRevert(IQUIVerStaking.ReportNotOpen.selector);
        staking.executeSlash(bob, id);
        isTrue(id != reportPair(bob, 1), "another id");
    }

    // 14: rewards

    function test_Bug14_FirstStakerInflatesNothing() public {
        stakeAs(alice, 1_000 * QUIV);
        // A gift to the contract belongs to nobody and moves no price.
        require(token.transfer(address(staking), 1_000_000 * QUIV));
        stakeAs(bob, 1_000 * QUIV);
        eq(info(bob).staked, 1_000 * QUIV, "all of it");
        eq(info(bob).weight, info(alice).weight, "as much as the first");
        eq(staking.pendingRewards(alice), 0, "no reward");
    }

    function test_Bug14_IdleSecondsAreCarriedOver() public {
        fund(1_000 * QUIV, 10 days);
        skip(30 days);
        stakeAs(alice, 1_000 * QUIV);
        eq(staking.pendingRewards(alice), 0, "nothing for the time before");
        eq(staking.poolInfo().endsAt, START + 40 days, "the schedule stood still");
        skip(5 days);
        vm.prank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(7 days);
        stakeAs(bob, 1_000 * QUIV);
        skip(5 days);
        within(staking.pendingRewards(alice), 500 * QUIV, 10_000, "half");
        within(staking.pendingRewards(bob), 500 * QUIV, 10_000, "half");
    }

    function test_Bug14_ResizeStealsNoAccrual() public {
        stakeAs(alice, 1_000 * QUIV);
        stakeAs(bob, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(9 days);
        uint256 fair = staking.pendingRewards(bob);
        // A thousandfold at the last moment earns for the last moment only.
        stakeAs(alice, 1_000_000 * QUIV);
        eq(staking.pendingRewards(alice), fair, "as before");
        eq(staking.pendingRewards(bob), fair, "as before");
        bytes32 id = reportFailures(alice, 1, 20);
        vm.prank(arbiter);
        staking.resolveSlash(alice, id, true);
        eq(staking.pendingRewards(alice), fair, "nor does a slash");
        vm.prank(alice);
        staking.requestUnstake(500_000 * QUIV);
        eq(staking.pendingRewards(alice), fair, "nor leaving");
    }

    function test_Bug14_OneUnitForAllAmounts() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(86_400 * QUIV, 1 days);
        skip(1);
        within(staking.pendingRewards(alice), 1 * QUIV, 1_000, "one QUIV a second is one QUIV after a second");
    }

    function test_Bug14_SmallRatesRoundToNothingLost() public {
        stakeAs(alice, FUNDS - 24);
        fund(1e6, 1 days);
        for (uint256 i = 0; i < 24; ++i) {
            skip(1 hours);
            stakeAs(alice, 1);
        }
        eq(staking.pendingRewards(alice) + staking.poolInfo().reserve, 1e6, "still in the reserve");
    }

    // 15: hooks, fees, permits, lists

    function test_Bug15_FeeOnTransferIsRefused() public {
        FeeToken fee = new FeeToken();
        QUIVerStaking other = deployStaking(address(fee));
        fee.approve(address(other), type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.TransferMismatch.selector, 1_000 * QUIV, 990 * QUIV)
        );
        other.stake(1_000 * QUIV, false);
    }

    function test_Bug15_HooksCantReenter() public {
        HookToken hook = new HookToken();
        QUIVerStaking other = deployStaking(address(hook));
        Reenterer reenterer = new Reenterer(other);
        require(hook.transfer(address(reenterer), STAKE));
        reenterer.stake(hook, STAKE);
        reenterer.leave();
        skip(14 days);
        reenterer.arm();
        reenterer.withdraw();
        bytes4 guard = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        eq(bytes32(reenterer.answer()), bytes32(guard), "guard");
        eq(hook.balanceOf(address(reenterer)), STAKE, "paid once");
    }

    function test_Bug15_PermitUsedByAnotherStillStakes() public {
        uint256 key = 0xBEEF;
        address owner = vm.addr(key);
        require(token.transfer(owner, STAKE));
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(typehash, owner, address(staking), STAKE, 0, block.timestamp));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), message)));
        vm.prank(bob);
        IERC20Permit(address(token)).permit(owner, address(staking), STAKE, block.timestamp, v, r, s);
        vm.prank(owner);
        staking.stakeWithPermit(STAKE, false, block.timestamp, v, r, s);
        eq(info(owner).staked, STAKE, "staked");
    }

    function test_Bug15_ManyRequestsFillOneSlot() public {
        stakeAs(alice, STAKE);
        vm.startPrank(alice);
        for (uint256 i = 0; i < 100; ++i) staking.requestUnstake(QUIV);
        skip(14 days);
        eq(staking.withdraw(), 100 * QUIV, "one withdrawal for all");
        vm.stopPrank();
    }

    // and beside the fifteen: records, initialisation

    function test_AccessOnRecords_OnlyTheAccusedDisputes() public {
        stakeAs(alice, STAKE);
        stakeAs(bob, STAKE);
        bytes32 id = reportPair(alice, 1);
        reportPair(bob, 1);
        vm.expectPartialRevert(IQUIVerStaking.ReportNotOpen.selector);
        vm.prank(bob);
        staking.disputeSlash(id);
    }

    function test_InitialiseOnce() public {
        address manager = address(roles.manager());
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        staking.initialize(manager);
    }

    function leave(address account) private {
        uint256 staked = info(account).staked;
        vm.prank(account);
        staking.requestUnstake(staked);
        skip(14 days);
        withdrawAs(account);
        if (staking.pendingRewards(account) == 0) return;
        vm.prank(account);
        staking.claimRewards();
    }

    function withdrawAs(address account) private {
        vm.prank(account);
        staking.withdraw();
    }

    function rejectUsed(bytes32 by, IQUIVerStaking.Violation violation, uint256 first, uint256 count) private {
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.ViolationUsed.selector, by));
        vm.prank(reporter);
        staking.proposeSlash(alice, violation, digests(first, count));
    }
}

/// @dev Calls back into staking when it is paid.
contract Reenterer {
    QUIVerStaking private immutable staking;
    bool private armed;
    bytes4 public answer;

    constructor(QUIVerStaking staking_) {
        staking = staking_;
    }

    function stake(HookToken token, uint256 amount) external {
        token.approve(address(staking), amount);
        staking.stake(amount, false);
    }

    function leave() external {
        staking.requestUnstake(staking.accountInfo(address(this)).staked);
    }

    function arm() external {
        armed = true;
    }

    function withdraw() external {
        staking.withdraw();
    }

    function tokensReceived() external {
        if (!armed) return;
        try staking.withdraw() {}
        catch (bytes memory reason) {
            answer = bytes4(reason);
        }
    }
}
